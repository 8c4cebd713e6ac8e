package rag

import (
	"context"
	"fmt"
	"slices"

	"savoirs/rag/extract"
)

const (
	maxOfferText = 16 << 10 // bytes of a passage that is taken from another node
	maxOfferName = 1 << 10  // of its document, title and headings
)

// Accept makes an offer of another node fit to be shown: text is cleaned as that of any foreign document. It returns
// false for one that no honest node makes.
func (o *Offer) Accept() bool {
	if len(o.Text) > maxOfferText || len(o.Doc) > maxOfferName || len(o.Title) > maxOfferName || len(o.Heading) > maxOfferName ||
		len(o.Vector) > maxDim || o.N < 0 || o.Page < 0 || o.Start < 0 || o.End < o.Start {
		return false
	}
	o.From = nil
	o.Text, o.Title, o.Heading = extract.Clean(o.Text), extract.Clean(o.Title), extract.Clean(o.Heading)
	o.Lang, o.As = languageTag(o.Lang), languageTag(o.As)
	return o.Text != "" && o.Doc != ""
}

// Clamp brings counts that another node claims into what can be.
func (c Counts) Clamp() {
	for name, f := range c {
		if !slices.Contains(fields[:], field(name)) || len(f.With) > 4*maxTerms {
			delete(c, name)
			continue
		}
		f.Passages = min(max(f.Passages, 0), maxSketchCount)
		f.Terms = min(max(f.Terms, int64(f.Passages)), int64(f.Passages)*1000)
		for t, n := range f.With {
			f.With[t] = min(max(n, 0), f.Passages)
		}
		c[name] = f
	}
}

// Recheck embeds the offers and returns those whose vector is not that of their text. Offers without a vector get theirs.
// Errors: those of e, ErrDimension.
func Recheck(ctx context.Context, e Embedder, offers []*Offer) (wrong []*Offer, err error) {
	if len(offers) == 0 {
		return nil, nil
	}
	texts := make([]string, len(offers))
	for i, o := range offers {
		texts[i] = o.embedText()
	}
	vs, err := e.Embed(ctx, RolePassage, texts)
	if err != nil {
		return nil, fmt.Errorf("embed passages of others: %w", err)
	}
	if len(vs) != len(texts) {
		return nil, fmt.Errorf("%d vectors for %d texts: %w", len(vs), len(texts), ErrDimension)
	}
	for i, o := range offers {
		if o.Vector != nil {
			if cos, ok := cosine(vs[i], o.Vector); !ok || cos < sameVector {
				wrong = append(wrong, o)
			}
			continue
		}
		rec, err := appendRecord(nil, vs[i])
		if err != nil {
			return wrong, err
		}
		o.Vector = rec[:len(rec)-8]
	}
	return wrong, nil
}
