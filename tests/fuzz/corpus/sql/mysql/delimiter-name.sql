SELECT 1 AS `delimiter`;
SELECT 2 AS
  field_delimiter;
SELECT 3;
