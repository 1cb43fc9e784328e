package mcp

import (
	"context"
	"encoding/json"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/locketpod/locket"
)

// A promptMaker writes the message of a prompt.
type promptMaker func(ctx context.Context, c Caller, given map[string]string) (string, error)

// addPrompts adds what a person can choose to begin with.
func (s *server) addPrompts(srv *sdk.Server) {
	for _, p := range []struct {
		name, title, text string
		arguments         []*sdk.PromptArgument
		make              promptMaker
	}{
		{
			"context", "What do you know about this?", "Begin with what is remembered about a topic.",
			[]*sdk.PromptArgument{{Name: "topic", Title: "Topic", Description: "what the conversation will be about", Required: true}},
			contextPrompt,
		},
		{
			"remember-this", "Remember this", "Remember the main points of the conversation so far.",
			[]*sdk.PromptArgument{{Name: "what", Title: "What", Description: "what to remember; default: what will matter later"}},
			rememberPrompt,
		},
		{
			"weekly-review", "Weekly review", "Go through what was remembered in the last seven days.", nil, reviewPrompt,
		},
		{
			"import-help", "Help me import my data", "Find out how to bring mail, notes, chats or an export of another service into the pod.",
			[]*sdk.PromptArgument{{Name: "source", Title: "Source", Description: "where the data is now, e.g. Google Takeout"}},
			importPrompt,
		},
	} {
		srv.AddPrompt(&sdk.Prompt{Name: p.name, Title: p.title, Description: p.text, Arguments: p.arguments}, s.prompt(p.name, p.arguments, p.make))
	}
}

func (s *server) prompt(name string, takes []*sdk.PromptArgument, write promptMaker) sdk.PromptHandler {
	return func(ctx context.Context, r *sdk.GetPromptRequest) (res *sdk.GetPromptResult, err error) {
		err = s.guarded(ctx, "prompts/get "+name, func(ctx context.Context) error {
			if err := checkPrompt(takes, r.Params.Arguments); err != nil {
				return err
			}
			text, err := write(ctx, s.caller, r.Params.Arguments)
			res = &sdk.GetPromptResult{Messages: []*sdk.PromptMessage{{Role: "user", Content: &sdk.TextContent{Text: text}}}}
			return err
		})
		if err != nil {
			return nil, protocolError(err)
		}
		return res, nil
	}
}

// checkPrompt checks the arguments of a prompt as strictly as those of tools.
func checkPrompt(takes []*sdk.PromptArgument, given map[string]string) error {
	var params []param
	for _, a := range takes {
		params = append(params, param{name: a.Name, help: a.Description, shape: aText, required: a.Required})
	}
	all := make(map[string]any, len(given))
	for k, v := range given {
		all[k] = v
	}
	text, err := encode(all)
	if err == nil {
		_, err = readArgs([]byte(text), params, time.Time{})
	}
	return err
}

func contextPrompt(ctx context.Context, c Caller, given map[string]string) (string, error) {
	out, err := recall(ctx, c, args{"query": given["topic"]})
	return "I want to talk about: " + line(given["topic"], maxSnip) + "\n\nThis is what you remember of it. " + out.text, err
}

func rememberPrompt(_ context.Context, _ Caller, given map[string]string) (string, error) {
	what := "what will matter in later conversations: facts, preferences, decisions and what is to be done"
	if given["what"] != "" {
		what = line(given["what"], maxSnip)
	}
	return "Remember from this conversation: " + what + ".\n\n" +
		"Call remember once for each point, in one sentence that stands alone, with its kind. " +
		"Recall first whether it is known; if it has changed, name the old memory in supersedes. " +
		"Leave out secrets, guesses, and what is only of use today. Then list what you have remembered, in one line each.", nil
}

func reviewPrompt(ctx context.Context, c Caller, _ map[string]string) (string, error) {
	since := time.Now().UTC().AddDate(0, 0, -7).Format(time.RFC3339)
	out, err := timeline(ctx, c, args{"from": since, "limit": json.Number("50")})
	return "Go through what was remembered in the last seven days with me: the main things in a few sentences, then what contradicts itself, " +
		"what is out of date, and what is still to be done. Propose what to forget or to change, and wait for my answer before you do it.\n\n" + out.text, err
}

func importPrompt(_ context.Context, _ Caller, given map[string]string) (string, error) {
	from := "another service or program; ask me which"
	if given["source"] != "" {
		from = line(given["source"], maxSnip)
	}
	return "I want to bring my data into my Locket pod, from: " + from + ".\n\n" +
		"Tell me how to get an export of it, step by step. Then tell me to run `locket import FILE` in a terminal on the machine that has the pod: " +
		"it says what it would read before it does anything, takes mail boxes, contacts, calendars, notes, photos, bookmarks, archives of services, " +
		"CSV and JSON, and importing the same file again adds nothing twice. You cannot import for me, and never ask me for a passphrase or a key.", nil
}

// protocolError is an error of a resource or a prompt, which have no result to tell it in.
func protocolError(err error) error {
	code := int64(jsonrpc.CodeInternalError)
	switch locket.CodeOf(err) {
	case locket.CodeInvalid, locket.CodeNotFound, locket.CodeTooLarge:
		code = jsonrpc.CodeInvalidParams
	}
	return &jsonrpc.Error{Code: code, Message: failure(err)}
}
