package gateway

// openAIClientTypes and openAIServerTypes are the event names of OpenAI's Realtime API, as its published Python types have
// them; of names that changed between beta and general availability both. A name that is not here is refused, and a new one
// is let in by listing it in gateway.yaml.
var (
	openAIClientTypes = []string{
		"input_audio_buffer.append", "input_audio_buffer.commit", "input_audio_buffer.clear",
		"conversation.item.create", "conversation.item.retrieve", "conversation.item.truncate", "conversation.item.delete",
		"response.create", "response.cancel", "output_audio_buffer.clear",
	}
	openAIServerTypes = []string{
		"error", "session.updated", "transcription_session.updated", "conversation.created",
		"conversation.item.added", "conversation.item.created", "conversation.item.done", "conversation.item.retrieved",
		"conversation.item.truncated", "conversation.item.deleted",
		"conversation.item.input_audio_transcription.delta", "conversation.item.input_audio_transcription.segment",
		"conversation.item.input_audio_transcription.completed", "conversation.item.input_audio_transcription.failed",
		"input_audio_buffer.committed", "input_audio_buffer.cleared", "input_audio_buffer.speech_started",
		"input_audio_buffer.speech_stopped", "input_audio_buffer.timeout_triggered",
		"input_audio_buffer.dtmf_event_received",
		"output_audio_buffer.started", "output_audio_buffer.stopped", "output_audio_buffer.cleared",
		"response.created", "response.done", "response.output_item.added", "response.output_item.done",
		"response.content_part.added", "response.content_part.done",
		"response.output_text.delta", "response.output_text.done", "response.text.delta", "response.text.done",
		"response.output_audio.delta", "response.output_audio.done", "response.audio.delta", "response.audio.done",
		"response.output_audio_transcript.delta", "response.output_audio_transcript.done",
		"response.audio_transcript.delta", "response.audio_transcript.done",
		"response.function_call_arguments.delta", "response.function_call_arguments.done",
		"response.mcp_call_arguments.delta", "response.mcp_call_arguments.done",
		"response.mcp_call.in_progress", "response.mcp_call.completed", "response.mcp_call.failed",
		"mcp_list_tools.in_progress", "mcp_list_tools.completed", "mcp_list_tools.failed", "rate_limits.updated",
	}
)

// OperatorRole is the role that the preset openai-realtime lets tell the model what to be. It alone sends session.update, and
// transcription_session.update of the beta, which set instructions, tools and models, and it alone brings the same for one response,
// or as an item of the system's.
const OperatorRole = "operator"

// openAIProtocol is OpenAI's Realtime API. None of its fields carries a tenant: the session belongs to the token's from the
// moment the back end names it. Audio is text here, so that binary messages are refused.
func openAIProtocol() Protocol {
	operators := Message{Roles: []string{OperatorRole}}
	started := Message{Session: "session.id", Effect: "started"}
	p := Protocol{
		Type:   "type",
		Client: map[string]Message{"session.update": operators, "transcription_session.update": operators},
		Server: map[string]Message{"session.created": started, "transcription_session.created": started},
	}
	for _, t := range openAIClientTypes {
		p.Client[t] = Message{}
	}
	byOperators := Field{Roles: operators.Roles}
	p.Client["response.create"] = Message{Fields: map[string]Field{
		"response.instructions": byOperators, "response.prompt": byOperators, "response.tools": byOperators,
		"response.input": byOperators, // items of any role
	}}
	p.Client["conversation.item.create"] = Message{Fields: map[string]Field{
		"item.role": {Roles: operators.Roles, Free: []string{"assistant", "user"}},
	}}
	for _, t := range openAIServerTypes {
		p.Server[t] = Message{}
	}
	return p
}
