use super::world::{World, output, sql};
use kinds::postgres_export::SqlDump;
use operation::Code;
use std::path::Path;
use testkit::TestDatabase;

const SCHEMA: &str = r#"
    CREATE SCHEMA "Odd.Schema";
    CREATE TYPE mood AS ENUM ('good', 'bad');
    CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, mood mood);
    INSERT INTO people VALUES (1, E'tab\tand\nbreak', 'good'), (2, '\.', NULL);
    CREATE TABLE "Odd.Schema"."ta*le ""?" ("a b" int REFERENCES people);
    INSERT INTO "Odd.Schema"."ta*le ""?" VALUES (1), (2), (2);
    CREATE TABLE tale (a int);
    INSERT INTO tale VALUES (42);
    CREATE TABLE parted (k int, v text) PARTITION BY RANGE (k);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
    CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20) PARTITION BY LIST (v);
    CREATE TABLE parted_2_x PARTITION OF parted_2 FOR VALUES IN ('x');
    INSERT INTO parted VALUES (1, 'a'), (2, 'b'), (11, 'x');
    CREATE VIEW names AS SELECT name FROM people;
    CREATE FUNCTION trap() RETURNS text LANGUAGE sql AS $$ SELECT '
COPY public.t (a) FROM stdin;
no row
' $$;
    ANALYZE;"#;

/// A database as `pg_dump` sees it, without the key that newer versions put into each dump.
fn picture(url: &str) -> String {
    let arguments = ["--no-owner", "--no-privileges", url];
    let dump = String::from_utf8(output("pg_dump", &arguments)).unwrap();
    dump.lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// An empty database, with nothing of ours in it.
async fn empty() -> TestDatabase {
    let database = TestDatabase::create().await;
    database.client().await.batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    database
}

fn restore(dump: &Path, into: &TestDatabase) {
    output("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", dump.to_str().unwrap(), &into.url()]);
}

async fn world() -> World {
    let mut world = World::new().await;
    world.source = empty().await;
    world.sql(SCHEMA).await;
    world
}

/// A dump restores with `psql` into an equal database, and its rows are counted.
#[tokio::test]
async fn a_dump_restores_into_an_equal_database() {
    let world = world().await;
    let run = world.begin(world.spec(sql(SqlDump::default()), "all.sql")).await;
    let response = run.succeeds().await;
    assert_eq!(response["rows"], "9");
    assert_eq!(run.attempt.position().progress.items_total, Some(9));
    let copy = empty().await;
    restore(&world.folder.path().join("all.sql"), &copy);
    assert_eq!(picture(&copy.url()), picture(&world.source.url()));

    // With DROP … IF EXISTS it restores over itself, and over nothing.
    let dump = SqlDump { clean_target_objects: true, if_exist_target_objects: true, ..SqlDump::default() };
    world.begin(world.spec(sql(dump), "clean.sql")).await.succeeds().await;
    restore(&world.folder.path().join("clean.sql"), &copy);
    let other = empty().await;
    restore(&world.folder.path().join("clean.sql"), &other);
    assert_eq!(picture(&copy.url()), picture(&world.source.url()));
    assert_eq!(picture(&other.url()), picture(&world.source.url()));
}

/// Without rows, the schema alone.
#[tokio::test]
async fn a_schema_comes_without_rows() {
    let world = world().await;
    let run = world.begin(world.spec(sql(SqlDump { schema_only: true, ..SqlDump::default() }), "schema.sql")).await;
    assert_eq!(run.succeeds().await["rows"], "0");
    let copy = empty().await;
    restore(&world.folder.path().join("schema.sql"), &copy);
    let rows: i64 = copy.client().await.query_one("SELECT count(*) FROM people", &[]).await.unwrap().get(0);
    assert_eq!(rows, 0);
}

/// Tables are taken by their exact names, patterns or not, with their partitions.
#[tokio::test]
async fn tables_are_taken_by_exact_name() {
    let world = world().await;
    let tables = ["Odd.Schema.ta*le \"?", "public.people", "parted"].map(str::to_owned).to_vec();
    let run = world.begin(world.spec(sql(SqlDump { tables, ..SqlDump::default() }), "some.sql")).await;
    assert_eq!(run.succeeds().await["rows"], "8");
    let dump = String::from_utf8(world.object("some.sql")).unwrap();
    assert!(!dump.contains("CREATE TABLE public.tale") && !dump.contains("trap"));

    let copy = empty().await;
    copy.client()
        .await
        .batch_execute("CREATE SCHEMA \"Odd.Schema\"; CREATE TYPE mood AS ENUM ('good', 'bad')")
        .await
        .unwrap();
    restore(&world.folder.path().join("some.sql"), &copy);
    let rows: i64 = copy.client().await.query_one("SELECT count(*) FROM parted", &[]).await.unwrap().get(0);
    assert_eq!(rows, 3);
}

/// A table that is not there is told by its name, and nothing is dumped.
#[tokio::test]
async fn an_unknown_table_is_refused() {
    let world = world().await;
    for table in ["nobody", "people.", "t*le", "public.*", "pg_catalog.pg_class"] {
        let dump = SqlDump { tables: vec!["people".to_owned(), table.to_owned()], ..SqlDump::default() };
        let failure = world.begin(world.spec(sql(dump), "x.sql")).await.fails().await;
        assert_eq!((failure.code, failure.retryable), (Code::NotFound, false), "{failure}");
        assert!(failure.message.contains(table), "{failure}");
    }
    assert!(world.files().is_empty());
}

/// A large dump arrives whole, compressed or not.
#[tokio::test]
async fn a_large_dump_arrives_whole() {
    let world = world().await;
    world.sql("CREATE TABLE big AS SELECT i, sha512(i::text::bytea) t FROM generate_series(1, 150000) i").await;
    for object in ["big.sql", "big.sql.gz"] {
        let response = world.begin(world.spec(sql(SqlDump::default()), object)).await.succeeds().await;
        assert_eq!(response["rows"], "150009");
    }
    let mut plain = Vec::new();
    let compressed = world.object("big.sql.gz");
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&compressed[..]), &mut plain).unwrap();
    let rows = |dump: &[u8]| memchr::memchr_iter(b'\n', dump).count();
    assert_eq!(rows(&plain), rows(&world.object("big.sql")));
    let copy = empty().await;
    restore(&world.folder.path().join("big.sql"), &copy);
    assert_eq!(picture(&copy.url()), picture(&world.source.url()));
}
