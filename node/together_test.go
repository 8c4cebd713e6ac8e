package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/rag"
)

// scribe is an Ollama with one model for text, which writes what comes through says, until end, and counts how often it
// was asked. gone tells of each who asked and left before the end.
type scribe struct {
	says  chan string
	gone  chan struct{}
	asked atomic.Int32
}

const end = "<end>"

func (s *scribe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	say := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	switch r.URL.Path {
	case "/api/version":
		say(map[string]any{"version": "0.17.4"})
	case "/api/tags":
		say(map[string]any{"models": []any{map[string]any{"name": "scribe:latest", "size": 1, "digest": strings.Repeat("a", 64)}}})
	case "/api/show":
		say(map[string]any{"modelfile": "FROM /srv/blobs/sha256-" + strings.Repeat("b", 64) + "\nTEMPLATE x\n", "details": map[string]any{"family": "llama"},
			"capabilities": []string{"completion"}, "model_info": map[string]any{"general.parameter_count": 7e9}})
	case "/api/chat":
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the client leave
		s.asked.Add(1)
		for {
			select {
			case <-r.Context().Done():
				s.gone <- struct{}{}
				return
			case text := <-s.says:
				if text == end {
					say(map[string]any{"done": true})
					return
				}
				say(map[string]any{"message": map[string]any{"role": "assistant", "content": text}})
				w.(http.Flusher).Flush()
			}
		}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// writing returns a node with one document and a scribe for a model.
func writing(t *testing.T) (*node.Node, *scribe) {
	t.Helper()
	s := &scribe{says: make(chan string), gone: make(chan struct{}, 1)}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	o := nodetest.Options(t, t.TempDir())
	o.OllamaHost = srv.URL
	n, _ := nodetest.Run(t, o)
	folder := nodetest.Folder(t, map[string]string{"igname.md": "# L'igname\n\nL'igname se plante en mars, après les premières pluies.\n"})
	if _, err := n.Add(t.Context(), folder, node.AddOptions{Title: "Jardin"}, nil); err != nil {
		t.Fatal(err)
	}
	return n, s
}

// listener is one who asks: what was heard, each piece of text as it came, and what Ask returned.
type listener struct {
	heard  []string
	text   chan string
	answer rag.Answer
	err    chan error
}

func listen(ctx context.Context, n *node.Node, q node.Question) *listener {
	l := &listener{text: make(chan string, 100), err: make(chan error, 1)}
	go func() {
		var err error
		l.answer, err = n.Ask(ctx, q, func(e rag.Event) error {
			l.heard = append(l.heard, string(e.Kind)+" "+e.Text)
			if e.Kind == rag.EventText {
				l.text <- e.Text
			}
			return nil
		})
		l.err <- err
	}()
	return l
}

func TestTwoWhoAskTheSameAtOnceHearOneAnswer(t *testing.T) {
	n, s := writing(t)
	q := node.Question{Text: "Quand planter l'igname ?"}
	first := listen(t.Context(), n, q)
	s.says <- "L'igname se plante "
	<-first.text
	second := listen(t.Context(), n, node.Question{Text: "quand planter  l'igname"})
	<-second.text // what was written before it came
	s.says <- "en mars."
	s.says <- end
	for _, l := range []*listener{first, second} {
		if err := <-l.err; err != nil {
			t.Fatal(err)
		}
	}
	if asked := s.asked.Load(); asked != 1 {
		t.Errorf("the model wrote %d times", asked)
	}
	if a, b := strings.Join(first.heard, "|"), strings.Join(second.heard, "|"); a != b || first.answer.Text != second.answer.Text || first.answer.Kept != nil {
		t.Errorf("first heard %s, second %s", a, b)
	}
	if a, err := n.Ask(t.Context(), q, func(rag.Event) error { return nil }); err != nil || a.Kept == nil {
		t.Errorf("the answer is not kept: %+v, %v", a.Kept, err)
	}
}

func TestWhoeverLeavesDoesNotEndTheAnswerOfAnother(t *testing.T) {
	for leaver, who := range []string{"the first", "the second"} {
		t.Run(who, func(t *testing.T) {
			n, s := writing(t)
			q := node.Question{Text: "Quand planter l'igname ?"}
			leaving, leave := context.WithCancel(t.Context())
			ctxs := [2]context.Context{t.Context(), t.Context()}
			ctxs[leaver] = leaving
			first := listen(ctxs[0], n, q)
			s.says <- "L'igname se plante "
			<-first.text
			second := listen(ctxs[1], n, q)
			<-second.text
			leaves, stays := first, second
			if leaver == 1 {
				leaves, stays = second, first
			}
			leave()
			if err := <-leaves.err; !errors.Is(err, context.Canceled) {
				t.Errorf("who left is told %v", err)
			}
			s.says <- "en mars."
			s.says <- end
			if err := <-stays.err; err != nil || !strings.Contains(stays.answer.Text, "en mars.") {
				t.Errorf("the other is told %q, %v", stays.answer.Text, err)
			}
		})
	}
}

func TestTheModelStopsWhenAllHaveLeft(t *testing.T) {
	n, s := writing(t)
	q := node.Question{Text: "Quand planter l'igname ?"}
	ctx, leave := context.WithCancel(t.Context())
	first := listen(ctx, n, q)
	s.says <- "L'igname "
	<-first.text
	second := listen(ctx, n, q)
	<-second.text
	leave()
	<-first.err
	<-second.err
	<-s.gone
	third := listen(t.Context(), n, q)
	s.says <- "L'igname se plante en mars."
	s.says <- end
	if err := <-third.err; err != nil || third.answer.Kept != nil {
		t.Errorf("asked again: %+v, %v", third.answer, err)
	}
}

func TestWhoWantsAFreshAnswerIsNotGivenTheKeptOne(t *testing.T) {
	n, s := writing(t)
	for range 2 {
		l := listen(t.Context(), n, node.Question{Text: "Quand planter l'igname ?", Fresh: true})
		s.says <- "En mars."
		s.says <- end
		if err := <-l.err; err != nil || l.answer.Kept != nil {
			t.Errorf("%+v, %v", l.answer.Kept, err)
		}
	}
}
