// Package bus carries small messages between processes by NATS: through a server inside this process, which can join those of
// others to a cluster, or through a cluster that exists. What is published reaches every subscriber at most once, in well under
// a millisecond on one network; who cannot do with a lost one keeps the truth elsewhere and asks there, too.
//
// Where things are: bus.go connects, publishes and subscribes; server.go is the server inside the process, and mend.go has it take
// its streams up again after a full disk; tee.go writes the trail's events to a stream of JetStream.
package bus
