CREATE TABLE `a;b` (`c;d` INT, `e``;f` INT, `g\` INT);
SELECT `c;d` FROM `a;b`;
SELECT `x'y;` , `-- x;`;
DROP TABLE `a;b`;
