// SPDX-License-Identifier: MIT OR Apache-2.0
//! The manual page and the completions, from the same grammar that reads the command line.

use std::io::{self, Write};

use clap_complete::Shell;

use crate::arguments::grammar;

/// One page, and that of `plan`: the other commands are there to install it.
pub fn page(out: &mut dyn Write) -> io::Result<()> {
    let mut grammar = grammar();
    grammar.build();
    // As it is typed.
    let name = "ims-release plan";
    let plan = grammar.find_subcommand("plan").cloned().unwrap_or_default().name(name).bin_name(name);
    let main = clap_mangen::Man::new(grammar).title("IMS-RELEASE").manual("ims_release");
    let plan = clap_mangen::Man::new(plan);
    main.render_title(out)?;
    main.render_name_section(out)?;
    plan.render_synopsis_section(out)?;
    plan.render_description_section(out)?;
    plan.render_options_section(out)?;
    plan.render_extra_section(out)?;
    main.render_version_section(out)
}

/// The completions for `shell`.
pub fn completions(out: &mut dyn Write, shell: Shell) -> io::Result<()> {
    // clap_complete panics where writing fails.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut grammar(), "ims-release", &mut text);
    out.write_all(&text)
}
