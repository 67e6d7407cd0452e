-- SPDX-License-Identifier: MIT OR Apache-2.0
--
-- The routes of s-cscf.cfg in Lua, for s-cscf-lua.cfg. Copy it, or take over what is marked with (*).

-- The native script ends where a function returns 0.
local function is_true(told)
    if told == 0 then KSR.x.exit() end
    return told > 0
end

local function within_dialog()
    if not is_true(KSR.rr.loose_route()) then
        if not KSR.is_ACK() then KSR.sl.sl_send_reply(404, "Not Here") end
        return
    end
    -- The BYE that ims_release sends on the served user's side comes by here as if that user had sent it, so what is
    -- done at the end of a call (charging, application servers) is done for it too.
    if KSR.is_BYE() and is_true(KSR.ims_release.is_ims_release()) then          -- (*) if you want to know
        KSR.info("released call: " .. KSR.pv.get("$ci") .. " to " .. KSR.pv.get("$ru") .. "\n")
    end
    if not is_true(KSR.tm.t_relay()) then
        if not KSR.is_ACK() then KSR.sl.sl_reply_error() end
        return
    end
    -- The network's own reason to end the call; this example takes a header of an INFO for it.
    if KSR.is_INFO() and KSR.hdr.gete("X-Credit") == "gone" then
        KSR.ims_release.release(402, "Credit is gone")                          -- (*)
    end
end

function ksr_request_route()
    if not is_true(KSR.maxfwd.process_maxfwd(10)) then
        KSR.sl.sl_send_reply(483, "Too Many Hops")
        return
    end
    if KSR.is_CANCEL() then
        if is_true(KSR.tm.t_check_trans()) then KSR.tm.t_relay() end
        return
    end
    if is_true(KSR.siputils.has_totag()) then
        within_dialog()
        return
    end
    is_true(KSR.tm.t_check_trans())
    if not KSR.is_INVITE() then
        KSR.sl.sl_send_reply(405, "Method Not Allowed")
        return
    end

    -- As in 3GPP TS 24.229: the Route entry of this proxy carries ";orig" when the request comes from a user that it
    -- serves, and does not when it is for one.
    local orig = string.find(string.lower(KSR.hdr.gete("Route")), ";orig[;>]")
    KSR.rr.loose_route()
    KSR.rr.record_route()
    if orig then KSR.ims_release.track("orig", "")                              -- (*) serves the calling user
    else KSR.ims_release.track("term", "") end                                  -- (*) serves the called user

    -- Here: application servers, the next proxy, the registrar's contact. This example goes where the Request-URI says.
    if not is_true(KSR.tm.t_relay()) then KSR.sl.sl_reply_error() end
end

function ims_release_done(event)                                                -- (*) once for each release
    local function of(name) return KSR.pv.get("$ims_release(" .. name .. ")") end
    KSR.info("ims_release: call_id=" .. of("call_id") .. " outcome=" .. of("outcome") .. " cause=" .. of("cause")
        .. " called=" .. of("called_code") .. " calling=" .. of("calling_code") .. "\n")
end
