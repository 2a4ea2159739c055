/*!40101 SET NAMES utf8mb4 */;
SELECT 1 /*! , 2 */;
/*!50003 SELECT 'a;b' */;
SELECT /*!99999 1, */ 2;
/*M! SELECT 3 */;
/*M!100100 SELECT 4 */;
SELECT /*M!999999 1, */ 5;
/*! SELECT 6 */ ;
SELECT /*!*/ 7;
