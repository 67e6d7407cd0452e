// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the result is printed.

pub mod json;
mod ladder;
mod origin;
pub mod text;

use ims_release::dialog::Serves;
use ims_release::release::Delivery;

use crate::calls::State;

fn state(state: State) -> &'static str {
    match state {
        State::Early => "early",
        State::Confirmed => "confirmed",
        State::Terminated => "terminated",
    }
}

fn serves(serves: Serves) -> &'static str {
    match serves {
        Serves::Calling => "calling",
        Serves::Called => "called",
        Serves::Neither => "neither",
    }
}

fn delivery(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::ServiceControl => "service-control",
        Delivery::Direct => "direct",
    }
}
