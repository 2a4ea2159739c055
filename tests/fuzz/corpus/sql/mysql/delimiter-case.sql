delimiter |
SELECT 1;|
SELECT 2|
  Delimiter ;
SELECT 3;
