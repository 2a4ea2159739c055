SET @a := 1;
SET @`b;c` = 2, @'d;e' = 3;
SELECT @a, @`b;c`;
