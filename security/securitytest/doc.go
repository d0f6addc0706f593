// Package securitytest simulates a Keyfactor Command server: an in-memory server that speaks the wire protocol of the
// security API, for tests, examples and trying things out without a server at hand.
//
// [NewServer] starts it with TLS on the loopback interface; [NewHandler] gives the bare [http.Handler] to mount
// anywhere. Both answer every operation of the security API (roles, claims, identities, permission sets, identity
// providers, access questions, certificate audits) from one coherent state: a claim added through a role appears under
// /Security/Claims, a collection permission given through version 1 of a role shows up as a scoped path in version 2,
// and what a caller may do follows from the roles the caller holds.
//
//	server := securitytest.NewServer(securitytest.WithLegacyTenant(1, 300))
//	defer server.Close()
//	client, err := server.Client()
//
// The handlers share no type with the services of this library, so that any client of the API can be tested with them.
//
// # Faithfulness
//
// Status codes, member names, member order, and what is null and what is left out follow recorded traffic where there
// is any. Several behaviours of the real server are not published anywhere. For those the simulation makes an
// assumption, says so in the comment of the code or of the option that changes it, and clients should not rely on it.
// Error codes and texts in particular are made up, except for the invalid sort field.
//
// # Faults
//
// [Handler.Inject] makes requests fail the way real installations fail: error statuses, Retry-After, latency, reset
// connections, truncated bodies, writes whose answer never arrives, login pages, and other programs that write in
// between.
package securitytest
