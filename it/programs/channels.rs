// program: Rust: threads, channels, TCP, a child process
// run: sh -c rustc -O -o channels channels.rs && exec ./channels
// needs: rustc
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{mpsc, Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

fn check<T: PartialEq + std::fmt::Debug>(what: &str, got: T, want: T) {
    if got != want {
        println!("bad: {}: {:?} instead of {:?}", what, got, want);
        std::process::exit(1);
    }
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while lines.read_line(&mut line).unwrap() > 0 {
                    let n: u64 = line.trim().parse().unwrap();
                    writeln!(stream, "{}", n * n).unwrap();
                    line.clear();
                }
            });
        }
    });
    let mut server = TcpStream::connect(address).unwrap();
    let mut answers = BufReader::new(server.try_clone().unwrap());
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut to_cat = cat.stdin.take().unwrap();
    let mut from_cat = BufReader::new(cat.stdout.take().unwrap());

    let (to_workers, work) = mpsc::channel::<u64>();
    let (to_main, results) = mpsc::channel::<(u64, u64)>();
    let work = Arc::new(Mutex::new(work));
    for _ in 0..4 {
        let (work, to_main) = (work.clone(), to_main.clone());
        thread::spawn(move || loop {
            let n = work.lock().unwrap().recv_timeout(Duration::from_millis(50));
            if let Ok(n) = n {
                to_main.send((n, (1..=n % 1000).fold(1, |a, i| a * (i | 1) % 1_000_003))).unwrap();
            }
        });
    }
    let turn = Arc::new((Mutex::new(0u64), Condvar::new()));
    let other = turn.clone();
    thread::spawn(move || loop {
        let mut n = other.0.lock().unwrap();
        while *n % 2 == 0 {
            n = other.1.wait_timeout(n, Duration::from_millis(20)).unwrap().0;
        }
        *n += 1;
        other.1.notify_all();
    });
    let mut kept = BTreeMap::new();
    let mut n = 0;
    while !std::path::Path::new("finish").exists() {
        for i in 0..8 {
            to_workers.send(n * 8 + i).unwrap();
        }
        for _ in 0..8 {
            let (of, result) = results.recv().unwrap();
            check("worker", result, (1..=of % 1000).fold(1, |a, i| a * (i | 1) % 1_000_003));
            kept.insert(of % 4096, result);
        }
        writeln!(server, "{}", n).unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        check("server", line.trim().to_string(), (n * n).to_string());
        writeln!(to_cat, "line {}", n).unwrap();
        line.clear();
        from_cat.read_line(&mut line).unwrap();
        check("child", line, format!("line {}\n", n));
        {
            let mut mine = turn.0.lock().unwrap();
            *mine += 1;
            turn.1.notify_all();
            while *mine % 2 == 1 {
                mine = turn.1.wait(mine).unwrap();
            }
            check("turns", *mine, 2 * (n + 1));
        }
        check("kept", kept.contains_key(&(n * 8 % 4096)), true);
        n += 1;
        println!("tick {}", n);
        thread::sleep(Duration::from_millis(30));
    }
    drop(to_cat);
    check("end of the child", cat.wait().unwrap().success(), true);
    println!("ok");
    std::process::exit(3);
}
