import ProductCatalog

extension DemoMarket {
    /// What to paste into a terminal to see what the server does.
    func welcome(port: Int, databaseURL: String) -> String {
        let base = "http://127.0.0.1:\(port)"
        let key = apiKey.secret
        return """

            The market is open at \(base). Paste any of these into another terminal:

            # the public catalog
            curl -s '\(base)/v1/market/products?search=tides'

            # the hosted platform's callback, as its documentation has it; a second time it is a duplicate
            curl -s '\(base)/v1/inbound/\(inboundKey.secret)' -d '{"action":"order_pay","data":{"addTime":86400000,"amount":50,"appId":30630,"createTime":1664118481675,"prodId":12,"tradeNo":"202209252308016755383125546","type":1,"uid":"UID_xxxxxxx"}}'

            # was he entitled at that moment, and why
            curl -s -H 'Authorization: Bearer \(key)' '\(base)/v1/entitlements?resourceId=\(topic.id)&uid=UID_xxxxxxx&at=1664118481675'
            curl -s -H 'Authorization: Bearer \(key)' '\(base)/v1/entitlements/explain?resourceId=\(topic.id)&uid=UID_xxxxxxx'
            curl -s '\(base)/api/product/query-pay-end-time?uid=UID_xxxxxxx&prodId=\(products[0])'

            # who receives a paid message now, and how many
            curl -s -H 'Authorization: Bearer \(key)' '\(base)/v1/resources/\(topic.id)/audience?mode=paid&count=only'
            curl -s -H 'Authorization: Bearer \(key)' -H 'Accept: text/csv' '\(base)/v1/resources/\(topic.id)/audience?mode=paid' | head

            # the event feed
            curl -s -H 'Authorization: Bearer \(key)' '\(base)/v1/events?limit=3'

            # a publisher of your own
            curl -s -H 'Authorization: Bearer \(DevCommand.operatorToken)' -H 'Content-Type: application/json' '\(base)/v1/publishers' -d '{"name":"Me","email":"me@example.com"}'

            The database: psql '\(databaseURL)'
            Ctrl-C stops the server and its PostgreSQL.
            """
    }
}
