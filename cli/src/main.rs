//! x
mod arguments;
mod exit;
mod output;
mod paint;
mod process;
mod report;
mod table;
mod text;
mod top;
mod units;
mod value;
fn main() {}
