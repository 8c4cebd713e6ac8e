package main

import (
	"reflect"
	"testing"
	"time"
)

func TestASmallSimulatedMeshConvergesAndTheSameSeedGivesTheSame(t *testing.T) {
	o := meshOptions{during: 5 * time.Minute, every: 10 * time.Second, churn: 0.1, degree: 4, mbit: 5, seed: 3}
	r, err := simulate(t.Context(), o, 10, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if !r.equal {
		t.Error("nodes ended with different catalogues")
	}
	if len(r.known) < r.publications || r.publications < 20 || len(r.returns) == 0 {
		t.Errorf("%d of %d publications known to all, %d nodes came back", len(r.known), r.publications, len(r.returns))
	}
	if worst := r.known[len(r.known)*9/10]; worst > 2*time.Second {
		t.Errorf("publications known to all after %v", r.known)
	}
	again, err := simulate(t.Context(), o, 10, t.TempDir())
	if err != nil || !reflect.DeepEqual(r, again) {
		t.Errorf("the same again: %+v, %v, first %+v", again, err, r)
	}
}
