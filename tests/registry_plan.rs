// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plan is what a release would send, and changes nothing; a capture keeps what has ended.

mod support;

use ims_release::Error;
use ims_release::dialog::Serves::{self, Calling};
use ims_release::registry::{Registry, RegistryError, Selector, Settings, Started, State, Tracked, What};
use ims_release::route::Own;
use ims_release::store::{Id, MemoryStore, Store};
use support::proxy::{both, message};
use support::{built, request};

/// Both messages; each goes to the parsers.
fn plan<S: Store>(registry: &Registry<S>, id: Id) -> Result<[Result<Vec<u8>, Error>; 2], RegistryError> {
    let [mut called, mut calling] = [(); 2].map(|()| vec![0; 4096]);
    let Started { called: first, calling: second } =
        registry.plan(id, &request(), &mut || Ok(u64::MAX), &mut called, &mut calling)?;
    let (from, to) = (Some(&b"a"[..]), Some(&b"b"[..]));
    Ok([(first, called, (from, to)), (second, calling, (to, from))].map(|(bye, mut bytes, tags)| {
        let bye = bye?;
        bytes.truncate(bye.encoded.length);
        Ok(built(bytes, &bye.encoded, bye.delivery, bye.cseq, tags).bytes)
    }))
}

#[test]
fn a_plan_is_what_a_release_sends() {
    both(|proxy| {
        for serves in [Calling, Serves::Called, Serves::Neither] {
            let call = proxy.fresh();
            let id = proxy.call(&call, &[serves], "OK; > INFO 130; < INFO 7");
            let before = proxy.find(Selector::Id(id));
            let planned = plan(&proxy.registry, id).unwrap();
            assert_eq!(plan(&proxy.registry, id).unwrap(), planned);
            assert_eq!(proxy.find(Selector::Id(id)), before);
            let started = proxy.start(id).unwrap();
            assert_eq!(planned, [started.called.map(|bye| bye.bytes), started.calling.map(|bye| bye.bytes)]);
            assert!(matches!(plan(&proxy.registry, id), Err(RegistryError::AlreadyReleasing)));
        }
    });
}

#[test]
fn a_plan_waits_for_the_answer_and_not_for_the_ack() {
    both(|proxy| {
        let Tracked::New(invite) = proxy.track("x", Calling, "> INVITE 127 tag=") else { panic!("a new call") };
        assert!(matches!(plan(&proxy.registry, invite), Err(RegistryError::Early)));
        proxy.see("x", "< 180 INVITE 127");
        let id = proxy.find(Selector::Dialog(b"x,a,b"))[0].id;
        assert!(matches!(plan(&proxy.registry, id), Err(RegistryError::Early)));
        proxy.see("x", "< 200 INVITE 127");
        assert!(plan(&proxy.registry, id).unwrap().iter().all(Result::is_ok));
        proxy.see("x", "> BYE 128");
        assert!(matches!(plan(&proxy.registry, id), Err(RegistryError::Ending)));
        proxy.see("x", "< 401 BYE 128");
        assert!(plan(&proxy.registry, id).unwrap().iter().all(Result::is_ok));
        proxy.see("x", "> BYE 129");
        proxy.see("x", "< 200 BYE 129");
        assert!(matches!(plan(&proxy.registry, id), Err(RegistryError::NotFound)));
    });
}

#[test]
fn each_leg_has_its_own_result() {
    both(|proxy| {
        let bad = proxy.call("bad", &[Calling], "< UPDATE 5 contact=tel:+1; > 200 UPDATE 5 contact=tel:+2");
        let legs = plan(&proxy.registry, bad).unwrap();
        assert_eq!(legs, [Err(Error::BadCalledContact), Err(Error::BadCallingContact)]);
        for (routes, called, calling) in [
            ("<tel:+1>,<sip:mo@s;lr>,<sip:pcscf1;lr>", Err(Error::BadRecordRoute), Ok(())),
            ("<sip:pcscf2;lr>,<sip:mo@s;lr>,<sip:pcscf1", Ok(()), Err(Error::BadRecordRoute)),
            ("<tel:+1>,<sip:mo@s;lr>,<sip:pcscf1", Err(Error::BadRecordRoute), Err(Error::BadRecordRoute)),
            ("<tel:+1>,<sip:pcscf1;lr>", Err(Error::NoOwnRoute), Err(Error::NoOwnRoute)),
        ] {
            let id = proxy.call(&proxy.fresh(), &[Calling], &format!("< 200 INVITE 127 routes={routes}; OK"));
            let legs = plan(&proxy.registry, id).unwrap().map(|leg| leg.map(drop));
            assert_eq!(legs, [called, calling], "{routes}");
        }
        let id = proxy.plain("small");
        let mut buffer = [0; 4096];
        let small = proxy.registry.plan(id, &request(), &mut || Ok(0), &mut [], &mut buffer);
        assert!(matches!(small, Err(RegistryError::BufferTooSmall { called: 1.., calling: 1.. })));
    });
}

#[test]
fn a_capture_keeps_what_has_ended() {
    let own = [Own::host(b"s", b"").unwrap()];
    let settings = Settings { own: &own, keep_ended: true, ..Settings::default() };
    let registry = Registry::new(MemoryStore::new(9).unwrap(), &settings, Box::new(|_| {})).unwrap();
    let see = |call: &str, line: &str| registry.observe(message(call, line).as_bytes(), 0).unwrap();
    let track = |call| registry.track(message(call, "> INVITE 127 tag=").as_bytes(), Calling, 0).unwrap();

    track("over");
    let id = see("over", "< 200 INVITE 127").id.unwrap();
    see("over", "> BYE 128");
    assert_eq!(see("over", "< 200 BYE 128").what, What::Ended);
    // Long after, and after the INVITE came late once more.
    registry.sweep(1 << 40, 100, &mut |_, _| ()).unwrap();
    assert!(matches!(track("over"), Tracked::Known(_)));
    let mut states = Vec::new();
    registry.find(Selector::Id(id), &mut |entry| states.push(entry.state)).unwrap();
    assert_eq!(states, [State::Ending]);
    assert!(matches!(plan(&registry, id), Err(RegistryError::Ending)));

    // RFC 3261 12.3; a 2xx that comes all the same makes a dialog of it.
    track("refused");
    let early = see("refused", "< 180 INVITE 127").id.unwrap();
    see("refused", "< 487 INVITE 127");
    assert!(matches!(plan(&registry, early), Err(RegistryError::Ending)));
    see("refused", "< 200 INVITE 127");
    assert!(plan(&registry, early).is_ok());
}

#[test]
fn a_100_with_a_tag_makes_no_dialog() {
    both(|proxy| {
        proxy.track("x", Calling, "> INVITE 127 tag=");
        assert_eq!(proxy.see("x", "< 100 INVITE 127"), What::Nothing);
        assert_eq!(proxy.find(Selector::Dialog(b"x,a,b")), []);
    });
}
