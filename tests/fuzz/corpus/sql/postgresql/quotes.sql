SELECT 'a;b', 'it''s;', 'back\', ';';
SELECT E'a\';b', e'\\', E'\\\';' ;
SELECT 'a'
  'b;';
SELECT N'n;', B'01', X'4F';
SELECT 'line
with ; in it';
SELECT '';
SELECT ''';';
