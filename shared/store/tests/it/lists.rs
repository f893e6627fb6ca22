//! Lists: newest first, each once, within the project, by filters that an index serves.

use crate::fixture::{Fixture, at, new_operation, project, requester};
use operation::{OperationId, State};
use runtime::clock;
use safepoint_store::{ListFilter, NewOperation, Order};
use time::Duration;

async fn walk(fixture: &Fixture, filter: &ListFilter, page: u32) -> Vec<OperationId> {
    walk_in(fixture, filter, Order::NewestFirst, page).await
}

async fn walk_in(fixture: &Fixture, filter: &ListFilter, order: Order, page: u32) -> Vec<OperationId> {
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = fixture.store.list(&project("p"), filter, order, after, page).await.expect("listed");
        seen.extend(page.operations.iter().map(|operation| operation.id));
        after = page.next;
        if after.is_none() {
            return seen;
        }
    }
}

/// INV-24, and newest first, whatever the size of the page.
#[tokio::test]
async fn a_walk_shows_each_operation_once_newest_first() {
    let fixture = Fixture::new().await;
    let mut created = Vec::new();
    for _ in 0..25 {
        created.push(fixture.create().await);
        fixture.create_in("another").await;
    }
    for page in [1, 7, 25, 100] {
        let walked = walk_in(&fixture, &ListFilter::default(), Order::OldestFirst, page).await;
        assert_eq!(walked, created, "pages of {page}, oldest first");
    }
    created.reverse();
    for page in [1, 7, 25, 100] {
        assert_eq!(walk(&fixture, &ListFilter::default(), page).await, created, "pages of {page}");
    }
}

#[tokio::test]
async fn operations_created_and_ended_during_a_walk_do_not_disturb_it() {
    let fixture = Fixture::new().await;
    for _ in 0..10 {
        fixture.create().await;
    }
    let before = walk(&fixture, &ListFilter::default(), 100).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = fixture
            .store
            .list(&project("p"), &ListFilter::default(), Order::NewestFirst, after, 3)
            .await
            .expect("listed");
        seen.extend(page.operations.iter().map(|operation| operation.id));
        fixture.create().await;
        fixture.store.cancel(&at(before[9]), &requester()).await.expect("answered");
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, before);
}

#[tokio::test]
async fn filters_select() {
    let fixture = Fixture::new().await;
    let here = NewOperation {
        collection: "alloydb/here".to_owned(),
        target: "one".to_owned(),
        ..new_operation(clock::new_operation_id(), "p")
    };
    let there =
        NewOperation { collection: "alloydb/there".to_owned(), ..new_operation(clock::new_operation_id(), "p") };
    for new in [&here, &there] {
        fixture.store.create(new).await.expect("created");
    }
    let native = fixture.create().await;
    fixture.store.cancel(&at(native), &requester()).await.expect("answered");
    let (hour, now) = (Duration::hours(1), clock::now());
    let all = ListFilter::default();
    for (what, filter, expected) in [
        ("collection", ListFilter { collection: Some("alloydb/here".into()), ..all.clone() }, vec![here.id]),
        ("prefix", ListFilter { collection_prefix: Some("alloydb/".into()), ..all.clone() }, vec![there.id, here.id]),
        ("target", ListFilter { target: Some("one".into()), ..all.clone() }, vec![here.id]),
        ("targets", ListFilter { targets: vec!["one".into()], ..all.clone() }, vec![here.id]),
        (
            "several targets",
            ListFilter { targets: vec!["one".into(), "nobody's".into(), "one".into()], ..all.clone() },
            vec![here.id],
        ),
        ("ids", ListFilter { ids: vec![native, here.id], ..all.clone() }, vec![native, here.id]),
        ("ids and more", ListFilter { ids: vec![native, here.id], done: Some(true), ..all.clone() }, vec![native]),
        ("done", ListFilter { done: Some(true), ..all.clone() }, vec![native]),
        ("not done", ListFilter { done: Some(false), ..all.clone() }, vec![there.id, here.id]),
        ("state", ListFilter { states: vec![State::Cancelled], ..all.clone() }, vec![native]),
        ("from", ListFilter { created_from: Some(now - hour), ..all.clone() }, vec![native, there.id, here.id]),
        ("from later", ListFilter { created_from: Some(now + hour), ..all.clone() }, vec![]),
        ("before", ListFilter { created_before: Some(now + hour), ..all.clone() }, vec![native, there.id, here.id]),
        ("before that", ListFilter { created_before: Some(now - hour), ..all.clone() }, vec![]),
    ] {
        assert_eq!(walk(&fixture, &filter, 2).await, expected, "{what}");
    }
}

/// Each target is in order by itself; the walk is in order over all of them.
#[tokio::test]
async fn a_walk_over_several_targets_shows_each_once_in_order() {
    let fixture = Fixture::new().await;
    let mut created = Vec::new();
    for number in 0..20 {
        let target = format!("target-{}", number % 4);
        let new = NewOperation { target, ..new_operation(clock::new_operation_id(), "p") };
        fixture.store.create(&new).await.expect("created");
        let elsewhere =
            NewOperation { target: new.target.clone(), ..new_operation(clock::new_operation_id(), "another") };
        fixture.store.create(&elsewhere).await.expect("created");
        created.push((new.id, new.target));
    }
    let targets: Vec<_> = ["target-0", "target-2", "none", "target-3"].map(str::to_owned).into();
    let expected: Vec<_> = created.iter().filter(|(_, target)| targets.contains(target)).map(|(id, _)| *id).collect();
    let filter = ListFilter { targets, ..ListFilter::default() };
    for page in [1, 4, 15, 100] {
        assert_eq!(walk_in(&fixture, &filter, Order::OldestFirst, page).await, expected, "pages of {page}");
        let newest: Vec<_> = expected.iter().rev().copied().collect();
        assert_eq!(walk(&fixture, &filter, page).await, newest, "pages of {page}, newest first");
    }
    assert_eq!(fixture.store.count_to_cancel(&project("p"), &filter, 100).await.expect("counted"), 15);
}

/// A deep page reads its own rows, not those before it.
#[tokio::test]
async fn a_deep_page_is_an_index_scan_from_its_key() {
    let fixture = Fixture::new().await;
    fixture
        .sql(
            "INSERT INTO operations (id, project_id, collection, kind, target, spec)
             SELECT gen_random_uuid(), 'p', 'native', 'demo.steps', 't',
                    '{\"kind\": \"demo.steps\", \"steps\": 1, \"stepMillis\": 1}' FROM generate_series(1, 20000);
             ANALYZE operations",
        )
        .await;
    let client = fixture.database.client().await;
    let plan = client
        .query(
            "EXPLAIN (ANALYZE, FORMAT TEXT) SELECT * FROM operations WHERE delete_time IS NULL AND project_id = 'p'
             AND id < '80000000-0000-0000-0000-000000000000' ORDER BY id DESC LIMIT 101",
            &[],
        )
        .await
        .expect("a plan");
    let plan = plan.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n");
    assert!(plan.contains("Index Scan") && !plan.contains("Seq Scan") && !plan.contains("->  Sort"), "{plan}");
}

#[tokio::test]
async fn labels_select_in_order_and_are_counted() {
    let fixture = Fixture::new().await;
    let labels = |pairs: &[(&str, &str)]| -> std::collections::BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let mut labelled = Vec::new();
    for number in 0..6 {
        let tier = if number % 2 == 0 { "even" } else { "odd" };
        let new = NewOperation {
            labels: labels(&[("env", "prod"), ("tier", tier)]),
            ..new_operation(clock::new_operation_id(), "p")
        };
        fixture.store.create(&new).await.expect("created");
        let elsewhere =
            NewOperation { labels: new.labels.clone(), ..new_operation(clock::new_operation_id(), "another") };
        fixture.store.create(&elsewhere).await.expect("created");
        fixture.create().await;
        labelled.push(new.id);
    }
    let filter = |pairs| ListFilter { labels: labels(pairs), ..ListFilter::default() };
    let even: Vec<_> = labelled.iter().copied().step_by(2).collect();
    for page in [1, 2, 100] {
        assert_eq!(walk_in(&fixture, &filter(&[("env", "prod")]), Order::OldestFirst, page).await, labelled);
        let both = filter(&[("env", "prod"), ("tier", "even")]);
        assert_eq!(walk_in(&fixture, &both, Order::OldestFirst, page).await, even);
        assert_eq!(walk(&fixture, &both, page).await, even.iter().rev().copied().collect::<Vec<_>>());
    }
    assert_eq!(walk(&fixture, &filter(&[("env", "test")]), 10).await, Vec::new());
    let count =
        async |pairs, most| fixture.store.count_to_cancel(&project("p"), &filter(pairs), most).await.expect("counted");
    assert_eq!(count(&[("tier", "odd")], 100).await, 3);
    assert_eq!(count(&[("env", "prod")], 4).await, 4, "counted no further than asked");
    assert_eq!(fixture.get(labelled[0]).await.labels, labels(&[("env", "prod"), ("tier", "even")]));
}
