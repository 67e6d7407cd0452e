// SPDX-License-Identifier: MIT OR Apache-2.0
//! T63: a BYE that nobody answers comes again at the times of RFC 3261 17.1.2.2, octet by octet the same, until its
//! transaction is over. With IMS_RELEASE_SOAK=1 for 64*T1, else for five seconds.

use std::time::{Duration, Instant};

use live::call::Serves;
use live::evidence::Leg;
use live::host::Host;
use live::pair::Pair;
use live::trial::{CAUSE, PROMPT, Trial, check, log_of, proxy, release};
use live::verdict::wrong;

/// Milliseconds from the first one: 500 * 2^n up to T2, 4 s, and then every 4 s.
const TIMES: [u64; 11] = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
/// tm's timer has a tick of 1/16 s, and the machine of a test has other things to do.
const SLACK: u64 = 400;

#[test]
fn t63_a_bye_without_an_answer_comes_again() -> Trial {
    let soak = std::env::var_os("IMS_RELEASE_SOAK").is_some_and(|value| value == "1");
    let (timer, time_out) = if soak { ("FR_TIMER=32000", 32_000) } else { ("FR_TIMER=5000", 5_000) };
    let host = proxy(&[timer])?;
    let mut pair = Pair::new(&host, Serves::Neither, "")?;
    release(&host, &pair.call_id)?;
    let first = pair.bye(Leg::Called, PROMPT)?;
    let began = Instant::now();
    let to_calling = pair.bye(Leg::Calling, PROMPT)?;
    pair.answer(Leg::Calling, &to_calling, 200, &[])?;
    let mut times = vec![0];
    let end = began + Duration::from_millis(time_out + 2_000);
    while let Ok(again) =
        pair.user(Leg::Called).await_message(end.saturating_duration_since(Instant::now()), |one| one.is("BYE"))
    {
        check(again == first, || format!("{}\n{}", first.text(), again.text()))?;
        times.push(began.elapsed().as_millis() as u64);
    }
    let wanted: Vec<u64> = TIMES.into_iter().filter(|time| *time < time_out).collect();
    let near = |(seen, wanted): (&u64, &u64)| seen.abs_diff(*wanted) <= SLACK;
    let good = times.len() == wanted.len() && times.iter().zip(&wanted).all(near);
    check(good, || format!("at {times:?}, expected {wanted:?}\n{}", log_of(&host, &pair.call_id)))?;
    println!("a BYE without an answer: at {times:?} ms");
    let done = host.outcome(&pair.call_id, PROMPT)?;
    check(done.get("attempts") == "1,1", || format!("{done:?}"))?;
    let mut judge = pair.judge(&host);
    judge.reported("gone", CAUSE, "408", "200");
    Ok(wrong(&judge.verdicts).map_or(Ok(()), Err)?)
}
