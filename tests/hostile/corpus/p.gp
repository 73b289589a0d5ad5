LOCUS       P1                        10 aa            linear   UNK 01-JAN-1980
DEFINITION  made by hand (EC 1.2.3.4).
ACCESSION   P1
VERSION     P1.1
FEATURES             Location/Qualifiers
     Protein         1..10
                     /EC_number="1.2.3.-"
     Site            order(2,4..5)
                     /site_type="active"
     CDS             1..10
                     /coded_by="X1.1:1..33"
ORIGIN
        1 mkvlaedqgh
//
