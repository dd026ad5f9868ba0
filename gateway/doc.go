// Package gateway stands in front of any WebSocket or HTTP back end and keeps its tenants apart: it authenticates each client
// through a ringfence.Authorizer, reads every message of a socket in both directions, holds the tenants and sessions named
// in it against the token's, and forwards exactly the bytes that it judged. What it refuses it records first, then answers,
// and no later frame of that socket is acted on. A socket ends with its token: by expiry, by revocation, by drain.
//
// Where things are: config.go is gateway.yaml; rules.go and preset_NAME.go say where tenant and session stand in a protocol's
// messages; judge.go holds one message against the rules; pump.go moves frames one way and relay.go ties two pumps and their
// end together; handshake.go lets a socket in and proxy.go a plain request; registry.go cuts what was revoked; limits.go
// counts. Package internal/frame is RFC 6455, internal/scan reads JSON.
//
// To add a protocol: preset_NAME.go with its Protocol, and its name in presets. To add a refusal: its ringfence.EventType,
// where it is found, and a case in the tests that see it red.
package gateway
