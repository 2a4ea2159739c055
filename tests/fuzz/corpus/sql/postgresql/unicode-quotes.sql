SELECT U&'d\0061t\+000061;', U&'d!0061;' UESCAPE '!', u&'\\;';
SELECT U&"d\0061t;a" FROM (SELECT 1 AS "dat;a") s;
SELECT 2;
