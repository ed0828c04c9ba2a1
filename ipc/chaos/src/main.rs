//! `chaos sync|arena [kills] [seed]`: kills workers until so many have died.
#![expect(clippy::print_stdout, reason = "says what it did")]

use polyproc_chaos::{arena::Blocks, run::chaos, sync::Sync};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "sync".into());
    let kills = arguments.next().map_or(Ok(2000), |kills| kills.parse())?;
    let seed = match arguments.next() {
        Some(seed) => seed.parse()?,
        None => u64::from(std::process::id()),
    };
    println!("{what}: {kills} kills, seed {seed}");
    match what.as_str() {
        "sync" => println!("{:?}", chaos(seed, kills, &Sync::new()?)?),
        "arena" => {
            let blocks = Blocks::new()?;
            println!("{:?}", chaos(seed, kills, &blocks)?);
            println!("rebuilt {} times", blocks.rebuilds());
            blocks.check_end()?;
            println!("nothing left behind");
        }
        other => return Err(format!("{other}: expected sync or arena").into()),
    }
    Ok(())
}
