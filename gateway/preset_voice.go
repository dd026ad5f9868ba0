package gateway

// voiceProtocol is ordering by voice: a client starts a session for one restaurant, sends audio, and stops it.
func voiceProtocol() Protocol {
	return Protocol{
		Type:    "type",
		Tenant:  []string{"restaurant_id"},
		Session: []string{"session_id"},
		Client: map[string]Message{
			"session.start": {Tenant: "session_config.restaurant_id", Effect: "start"},
			"audio":         {Needs: "session"},
			"session.stop":  {Needs: "session", Effect: "stop"},
			"heartbeat":     {},
		},
		Server: map[string]Message{
			"session.started": {Session: "session_id", Effect: "started"},
			"transcript":      {},
			"order.detected":  {},
			"audio":           {},
			"error":           {},
			"heartbeat":       {},
		},
	}
}
