SELECT 'süß; 日本語', "ж;" AS `ключ;`;
-- ä;
SELECT '😀;';
SELECT 1 AS größe;
