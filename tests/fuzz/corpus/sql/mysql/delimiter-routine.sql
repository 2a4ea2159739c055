DROP PROCEDURE IF EXISTS p;
DELIMITER $$

-- makes it
CREATE PROCEDURE p(IN a INT)
BEGIN
  -- a comment; inside
  IF a > 1 THEN
    SELECT 'x;'; # $
  END IF;
  /* $ */
END $$

DELIMITER ;
DROP PROCEDURE p;
