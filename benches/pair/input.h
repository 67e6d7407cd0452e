// SPDX-License-Identifier: MIT OR Apache-2.0
// The one dialog that every builder of this benchmark releases.

#ifndef PAIR_INPUT_H
#define PAIR_INPUT_H

#define INPUT_CALL_ID "a84b4c76e66710-7f3c91d2b6@[2001:db8:aa::15]"
#define INPUT_CALLER "<sip:+15551230001@ims.mnc001.mcc001.3gppnetwork.org;user=phone>;tag=9fxced76sl-3848276298"
#define INPUT_CALLEE "<sip:+15551230002@ims.mnc001.mcc001.3gppnetwork.org;user=phone>;tag=314159-b27e-4f1a-9c03"
#define INPUT_CALLER_CONTACT "sip:001010000000001@192.0.2.101:5090;transport=udp;ob"
#define INPUT_CALLEE_CONTACT "sip:001010000000002@198.51.100.77:5070;transport=udp;ob"
// The last numbers used: the BYEs have one more.
#define INPUT_CSEQ_TO_CALLER 1
#define INPUT_CSEQ_TO_CALLEE 103
#define INPUT_CALLER_ROUTE_1 "<sip:mo@scscf.ims.mnc001.mcc001.3gppnetwork.org:6060;lr;ftag=9fxced76sl;did=2a1.7f2>"
#define INPUT_CALLER_ROUTE_2 "<sip:mo@192.0.2.11:5060;lr;nat=yes;did=2a1.b21>"
#define INPUT_CALLER_ROUTE_3 "<sip:term@pcscf1.ims.mnc001.mcc001.3gppnetwork.org:5060;lr>"
#define INPUT_CALLEE_ROUTE_1 "<sip:mt@scscf2.ims.mnc001.mcc001.3gppnetwork.org:6060;lr;ftag=9fxced76sl;did=5c4.0e1>"
#define INPUT_CALLEE_ROUTE_2 "<sip:mt@192.0.2.12:5060;lr;nat=yes;did=5c4.99a>"
#define INPUT_CALLEE_ROUTE_3 "<sip:term@pcscf2.ims.mnc001.mcc001.3gppnetwork.org:5060;lr>"
#define INPUT_VIA_HOST "192.0.2.30"
#define INPUT_VIA_PORT "5060"
#define INPUT_REASON_TEXT "Service Unavailable"
#define INPUT_REASON "SIP;cause=503;text=\"" INPUT_REASON_TEXT "\""
#define INPUT_CHARGING_NAME "P-Charging-Vector"
#define INPUT_CHARGING_VALUE \
    "icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso=023551024\";icid-generated-at=192.0.2.8;orig-ioi=home1.example;" \
    "term-ioi=home2.example"

#endif
