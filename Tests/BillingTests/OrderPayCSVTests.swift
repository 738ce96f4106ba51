import Testing

@testable import Billing

@Suite("CSV of payment events")
struct OrderPayCSVTests {
    private static let header = "addTime,amount,appId,createTime,prodId,tradeNo,type,uid"

    private func read(_ record: String, header: String = header) throws -> OrderPay {
        try OrderPayCSV(header: Array(header.utf8)).message(Array(record.utf8))
    }

    @Test("a field may stand in quotes, and a quote in it is doubled")
    func quoted() throws {
        let message = try read(#""86400000",50,101,1664118481675,9,"P""0,1\n",1,"UID_a""#.replacing("\\n", with: "\n"))
        #expect(message.addTime == 86_400_000)
        #expect(message.tradeNo == "P\"0,1\n")
        #expect(message.uid == "UID_a")
    }

    @Test(
        "a quote where RFC 4180 has none is refused, not read as something that nobody wrote",
        arguments: [#""P00001"2"#, #"P"00001""#, #"P00001""#, #""P00001" "#, #"""x"#])
    func strayQuotes(trade: String) {
        #expect(throws: OrderPayCSV.Problem.self) { try read("86400000,50,101,1664118481675,9,\(trade),1,UID_a") }
    }

    @Test("a column that stands twice is refused: two readers could take either for the amount")
    func repeatedColumn() {
        #expect(throws: OrderPayCSV.Problem.self) { try OrderPayCSV(header: Array("\(Self.header),amount".utf8)) }
        // What is none of ours may be called as it likes.
        #expect(throws: Never.self) { try OrderPayCSV(header: Array("\(Self.header),,".utf8)) }
    }
}
