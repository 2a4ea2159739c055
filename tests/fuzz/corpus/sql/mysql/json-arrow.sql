SELECT '{"a;":1}' -> '$';
SELECT JSON_EXTRACT('{"a":";"}', '$.a');
