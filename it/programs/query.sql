PRAGMA journal_mode = WAL;
CREATE TABLE t (n INTEGER PRIMARY KEY, square INTEGER, text TEXT);
CREATE INDEX by_text ON t (text);
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 60000)
  INSERT INTO t SELECT n, n * n, hex(n * 7919 % 65536) || 'x' FROM c;
SELECT n, count(*), max(text) FROM t GROUP BY n % 500;
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 600)
  SELECT c.n, (SELECT sum(square) FROM t WHERE t.n % 600 < c.n), (SELECT count(*) FROM t WHERE text > hex(c.n)) FROM c;
UPDATE t SET square = -square WHERE n % 3 = 0;
SELECT sum(square), count(*) FROM t;
PRAGMA integrity_check;
