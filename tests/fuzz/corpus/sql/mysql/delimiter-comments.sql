DELIMITER //
-- x //
SELECT 1 -- y //
//
/* // */ SELECT 2 //
SELECT '//' //
DELIMITER ;
SELECT 3;
