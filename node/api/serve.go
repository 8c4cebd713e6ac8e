package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"

	"savoirs/node"
)

// maxBody bounds a request: a question that is too long must reach the rule
// that says so, nothing longer need arrive.
const maxBody = 1 << 20

// line is one line of a stream.
type line struct {
	Progress *node.Progress  `json:"progress,omitempty"`
	Event    json.RawMessage `json:"event,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Error          `json:"error,omitempty"`
}

// reply serves a gesture that answers at once, as one JSON value.
func reply[Q, A any](s *server, gesture func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, refused := decode[Q](w, r)
		if refused != nil {
			s.fail(w, refused)
			return
		}
		a, err := gesture(r.Context(), q)
		if err != nil {
			s.fail(w, Classify(err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(a); err != nil {
			s.o.Log.Debug("write answer", "path", r.URL.Path, "err", err)
		}
	}
}

// stream serves a gesture that takes time: lines of progress, then its result
// or its error. The gesture ends when the caller goes away.
func stream[Q, A any](s *server, gesture func(context.Context, Q, func(node.Progress)) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, refused := decode[Q](w, r)
		if refused != nil {
			s.fail(w, refused)
			return
		}
		out := newLines(w)
		a, err := gesture(r.Context(), q, func(p node.Progress) { out.write(line{Progress: &p}) })
		out.end(a, err)
	}
}

// events serves a gesture that tells what happens as it happens.
func events[Q, E, A any](s *server, gesture func(context.Context, Q, func(E) error) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, refused := decode[Q](w, r)
		if refused != nil {
			s.fail(w, refused)
			return
		}
		out := newLines(w)
		a, err := gesture(r.Context(), q, func(e E) error {
			b, err := json.Marshal(e)
			if err != nil {
				return err
			}
			return out.write(line{Event: b})
		})
		out.end(a, err)
	}
}

func decode[Q any](w http.ResponseWriter, r *http.Request) (Q, *Error) {
	var q Q
	if r.Method == http.MethodGet {
		return q, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return q, &Error{Code: string(node.Usage), Message: "Content-Type must be application/json"}
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil && !errors.Is(err, io.EOF) {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return q, &Error{Code: "too_large", Message: fmt.Sprintf("a request holds at most %d bytes", tooLarge.Limit)}
		}
		return q, &Error{Code: string(node.Usage), Message: "read the request: " + err.Error()}
	}
	return q, nil
}

// lines writes a stream; several goroutines may report progress at once.
type lines struct {
	mu sync.Mutex // guards the writer
	w  http.ResponseWriter
	e  *json.Encoder
}

func newLines(w http.ResponseWriter) *lines {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Accel-Buffering", "no")
	return &lines{w: w, e: json.NewEncoder(w)}
}

func (l *lines) write(v line) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.e.Encode(v); err != nil {
		return err
	}
	return http.NewResponseController(l.w).Flush()
}

// end writes the last line; a caller that is gone no longer reads it.
func (l *lines) end(result any, err error) {
	if err != nil {
		l.write(line{Error: Classify(err)})
		return
	}
	b, err := json.Marshal(result)
	if err != nil {
		l.write(line{Error: Classify(err)})
		return
	}
	l.write(line{Result: b})
}
