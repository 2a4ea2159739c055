SELECT 'a;b', "c;d", 'it''s;', "say ""x;"" ", 'back\'slash;', "back\"slash;", 'end\\';
SELECT '\\\';', "\\\";";
SELECT 'a' 'b;' "c;";
SELECT N'n;', _utf8mb4'u;', X'41', b'01';
SELECT 'line
with ; in it
and DELIMITER // too';
SELECT ''';';
SELECT '';
