package node

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"savoirs/rag"
)

// alone asks the model without the library, as when an adapter is tried: no
// source stands behind what it says, so the answer is not Known.
func (n *Node) alone(ctx context.Context, q Question, emit func(rag.Event) error) (rag.Answer, error) {
	switch {
	case strings.TrimSpace(q.Text) == "":
		return rag.Answer{}, rag.ErrEmptyQuestion
	case utf8.RuneCountInString(q.Text) > rag.MaxQuestion:
		return rag.Answer{}, rag.ErrQuestionTooLong
	}
	g, m, err := n.engine.Generator(ctx, n.chatModel())
	if err != nil {
		return rag.Answer{}, fmt.Errorf("ask the model: %w", err)
	}
	a := rag.Answer{Question: q.Text, Lang: q.Lang, Model: m.Name}
	var text strings.Builder
	err = g.Generate(ctx, rag.Prompt{User: q.Text, MaxTokens: aloneTokens}, func(piece string) error {
		text.WriteString(piece)
		return emit(rag.Event{Kind: rag.EventText, Text: piece})
	})
	a.Text = text.String()
	if err != nil {
		return a, fmt.Errorf("ask the model: %w", err)
	}
	return a, emit(rag.Event{Kind: rag.EventDone, Answer: &a})
}

// aloneTokens bounds an answer that nothing else ends.
const aloneTokens = 512
