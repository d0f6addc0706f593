package security_test

import "encoding/base64"

// secrets is everything that must appear nowhere.
var secrets = []string{
	password, base64.StdEncoding.EncodeToString([]byte(user + ":" + password)),
	clientSecret, base64.StdEncoding.EncodeToString([]byte(clientID + ":" + clientSecret)),
	accessToken,
}

const accessToken = "eyJhbGciOi-the-access-token"
