package main

const (
	hookSession = "session-start"
	hookPrompt  = "prompt"
	hookStop    = "stop"
)
