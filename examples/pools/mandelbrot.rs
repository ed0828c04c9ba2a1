//! The Mandelbrot set as a picture: a row is a task, rows near the middle take longest, and the pool
//! sees to it that nobody waits. On a terminal it shows how far it is.
//!
//! ```text
//! 480 rows of 640 pixels in …mandelbrot.png
//! … of its pixels are black
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use polyproc::prelude::*;
use std::io::Write;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
const MOST_STEPS: u32 = 255;

/// A row of grey values: how soon the numbers under its pixels run away.
fn row(y: u32) -> Vec<u8> {
    let scale = 3.0 / f64::from(WIDTH);
    let imaginary = (f64::from(y) - f64::from(HEIGHT) / 2.0) * scale;
    (0..WIDTH).map(|x| shade(f64::from(x).mul_add(scale, -2.2), imaginary)).collect()
}

fn shade(real: f64, imaginary: f64) -> u8 {
    let (mut x, mut y) = (0.0_f64, 0.0_f64);
    for step in 0..MOST_STEPS {
        if x.mul_add(x, y * y) > 4.0 {
            return 255 - step as u8;
        }
        (x, y) = (x.mul_add(x, real) - y * y, (2.0 * x).mul_add(y, imaginary));
    }
    0
}

#[polyproc::main]
fn main() -> polyproc::Result<()> {
    let pool = Pool::builder().progress().build()?;
    let rows = pool.map(row, 0..HEIGHT)?;
    let path = std::env::temp_dir().join(format!("{}-mandelbrot.png", std::process::id()));
    std::fs::File::create(&path)?.write_all(&png(&rows))?;
    println!("{HEIGHT} rows of {WIDTH} pixels in {}", path.display());
    let black = rows.iter().flatten().filter(|shade| **shade == 0).count();
    println!("{black} of its pixels are black");
    std::fs::remove_file(path)?;
    Ok(())
}

/// The smallest PNG file there is: grey, not compressed.
fn png(rows: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [WIDTH.to_be_bytes(), HEIGHT.to_be_bytes()].concat();
    header.extend([8, 0, 0, 0, 0]);
    add_chunk(&mut file, *b"IHDR", &header);
    // Before each row stands the filter that it went through: none.
    let pixels: Vec<u8> = rows.iter().flat_map(|row| [&[0], &row[..]].concat()).collect();
    add_chunk(&mut file, *b"IDAT", &stored(&pixels));
    add_chunk(&mut file, *b"IEND", &[]);
    file
}

/// A chunk: its length, its kind, its bytes, and a checksum of the last two.
fn add_chunk(file: &mut Vec<u8>, kind: [u8; 4], bytes: &[u8]) {
    file.extend((bytes.len() as u32).to_be_bytes());
    let checked = [&kind[..], bytes].concat();
    file.extend(&checked);
    file.extend(crc(&checked).to_be_bytes());
}

/// In zlib's format, in blocks that are stored as they are.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(0xFFFF).peekable();
    while let Some(block) = blocks.next() {
        let len = block.len() as u16;
        out.push(blocks.peek().is_none().into());
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend(block);
    }
    out.extend(adler(bytes).to_be_bytes());
    out
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
    let add = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), step);
    !bytes.iter().fold(u32::MAX, add)
}

fn adler(bytes: &[u8]) -> u32 {
    let add = |(a, b): (u32, u32), byte: &u8| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    };
    let (a, b) = bytes.iter().fold((1, 0), add);
    b << 16 | a
}
