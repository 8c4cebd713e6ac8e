package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/ollama/ollama/api"
)

// died sorts out an error of a call to the engine: ErrEngineDied is added when
// there was no answer, or when the answer tells that the process holding the model
// has ended. ctx is the caller's: if it has ended, that is the error.
func died(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, ErrEngineDied) || errors.Is(err, ErrRemoteHost) || errors.Is(err, errClosed) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var call *url.Error
	var network *net.OpError
	if errors.As(err, &call) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || runnerDied(err.Error()) {
		return fmt.Errorf("%w: %w", ErrEngineDied, err)
	}
	return err
}

// runnerDied knows what Ollama says when the process of a model has ended.
func runnerDied(words string) bool {
	for _, said := range []string{
		"runner process has terminated",
		"runner process no longer running",
		"has unexpectedly stopped",
		"error was encountered while running the model",
		"connection refused",
		"connection reset",
		": EOF",
	} {
		if strings.Contains(words, said) {
			return true
		}
	}
	return false
}

// notFound tells an answer that says the model is not there.
func notFound(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && status.StatusCode == http.StatusNotFound
}
