SELECT 'süß; 日本語' AS "ж;";
-- ä;
SELECT '😀;';
SELECT 1 AS größe;
