//! The bench works: every row is there and can be read. How fast anything is, is not tested.

mod rows;

#[test]
fn every_row_is_one_json_object() {
    let rows = rows::rows(rows::run_quickly(env!("CARGO_BIN_EXE_spawn")));
    assert_eq!(rows.len(), 10, "{rows:#?}");
}
