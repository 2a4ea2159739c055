-- comment
SELECT 1;
DELIMITER //
SELECT 2;
SELECT 3//
DELIMITER ;
SELECT 4,
 5;
/* a
 */ SELECT 6;
