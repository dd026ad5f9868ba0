// Package voice is the back end of reference system A: it takes orders by voice over a WebSocket, and by HTTP. Text stands in for
// speech, so that it can be tried without a microphone: an audio message carries UTF-8, and what comes back is loopback audio.
//
// It stands behind a gateway and believes what the gateway says of who asks, once that has shown the key that the two share;
// whoever reaches it in another way is nobody. Each request and each message then works in its tenant's context alone: all SQL
// goes through ringfence.Pool. To add a route: a line in New and a file of its own.
package voice
