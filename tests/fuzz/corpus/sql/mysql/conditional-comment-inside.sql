/*! SELECT 1 /* in; */ , 2 */;
SELECT 3;
