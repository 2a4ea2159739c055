SELECT '{"a;":1}'::jsonb ? 'a;';
SELECT '{"a":1}'::jsonb #> '{a}';
SELECT '{"a":1}'::jsonb @> '{}';
