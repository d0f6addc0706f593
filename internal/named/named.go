// Package named reads the lists of what single permissions are about: certificate
// collections, certificate store containers and PAM providers. They are no part of
// the security API, and a snapshot needs the names behind the ids in its paths.
//
// The lists are read leniently: only Id and Name are counted on, and members that are
// not known here are ignored.
package named

import (
	"context"
	"iter"
	"net/http"

	"github.com/commandsec/commandsec-go/internal/paging"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/internal/transport"
	"github.com/commandsec/commandsec-go/security"
)

// Object is an item of one of the lists. Only a collection has a description and a
// query.
type Object struct {
	ID          int    `json:"Id"`
	Name        string `json:"Name"`
	Description string `json:"Description"`
	Query       string `json:"Content"`
}

var (
	opCollections  = transport.Op{Method: http.MethodGet, Path: "CertificateCollections", Version: 1}
	opContainers   = transport.Op{Method: http.MethodGet, Path: "CertificateStoreContainers", Version: 1}
	opPAMProviders = transport.Op{Method: http.MethodGet, Path: "PamProviders", Version: 1}
)

// Collections yields the certificate collections that the caller may see.
//
// API: GET /CertificateCollections, version 1.
func Collections(ctx context.Context, client *security.Client, call []security.CallOption) iter.Seq2[Object, error] {
	return all(ctx, client, opCollections, call)
}

// Containers yields the certificate store containers that the caller may see.
//
// API: GET /CertificateStoreContainers, version 1.
func Containers(ctx context.Context, client *security.Client, call []security.CallOption) iter.Seq2[Object, error] {
	return all(ctx, client, opContainers, call)
}

// PAMProviders yields the PAM providers that the caller may see.
//
// API: GET /PamProviders, version 1.
func PAMProviders(ctx context.Context, client *security.Client, call []security.CallOption) iter.Seq2[Object, error] {
	return all(ctx, client, opPAMProviders, call)
}

func all(ctx context.Context, client *security.Client, op transport.Op, call []security.CallOption) iter.Seq2[Object, error] {
	return paging.All(ctx, service.Of(client), op, (*struct{})(nil), "Name", func(o *Object) int { return o.ID }, call)
}
