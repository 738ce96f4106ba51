import CLibPQ

extension PGConnection {
    /// Names one transaction's hold on the connection: what a transaction does after its end must not reach whoever has the connection then.
    struct Loan: Sendable, Equatable {
        let number: UInt64
    }

    /// What the connection knows of the transaction that it is lent to.
    struct Lent {
        let loan: Loan
        let begin: StaticString
        let limits: TransactionLimits?
        /// Whether BEGIN was sent.
        var hasBegun = false
    }

    /// Lends the connection to a transaction. BEGIN goes out with whichever statement comes first: that is decided here, on the connection, because a
    /// transaction's tasks may reach it in another order than they set out, and some may be cancelled before they do.
    ///
    /// - Returns: nil when the connection is gone; it is closed then.
    func lend(beginningWith begin: StaticString, limits: TransactionLimits? = nil) -> Loan? {
        guard isAlive() else {
            close()
            return nil
        }
        loans += 1
        let loan = Loan(number: loans)
        lent = Lent(loan: loan, begin: begin, limits: limits)
        statementLimit = limits?.statement.map { $0 > .zero ? $0 : nil } ?? sessionLimit
        return loan
    }

    /// How the next statements stand to a transaction, or to none.
    ///
    /// - Throws: `PGError` of kind notRunning when the transaction has ended.
    func frame(_ loan: Loan?) throws(PGError) -> Frame {
        guard let loan else {
            statementLimit = sessionLimit
            return Frame()
        }
        guard let lent, lent.loan == loan else { throw PGError(.notRunning, "the transaction has ended") }
        guard lent.hasBegun else { return Frame(begin: lent.begin, inTransaction: true) }
        if !broken, PQtransactionStatus(handle) == PQTRANS_IDLE {
            // A statement of the body said COMMIT or ROLLBACK: what comes now would be committed by itself.
            throw PGError(.notRunning, "the transaction was ended by a statement of its own", outcome: .unknown)
        }
        return Frame(inTransaction: true)
    }

    /// Sends BEGIN by itself if it was not sent, where what comes next cannot carry it along.
    func begin(_ loan: Loan) throws(PGError) {
        let frame = try frame(loan)
        if frame.begin != nil { _ = try run([Statement(command: "select")], frame) }
    }

    /// Commits and ends the loan: from here on nothing of the transaction's is let through.
    ///
    /// - Returns: the answer to COMMIT; nil when nothing had begun, and nothing was sent.
    func commit(_ loan: Loan) throws(PGError) -> PGResult? {
        guard let lent, lent.loan == loan else { throw PGError(.notRunning, "the transaction has ended") }
        self.lent = nil
        guard lent.hasBegun else { return nil }
        guard let handle, !broken, PQstatus(handle) == CONNECTION_OK else {
            throw PGError(.connection, "the connection was lost before COMMIT was sent")
        }
        heedsCancellation = false
        defer { heedsCancellation = true }
        return try run([.commit], Frame(inTransaction: true, commits: true)).first
    }

    /// Runs statements and COMMIT behind them in one round trip, and ends the loan. The first that fails keeps COMMIT from running.
    ///
    /// - Returns: the answers; COMMIT's is the last.
    func commit(_ loan: Loan, after statements: [Statement]) throws(PGError) -> [PGResult] {
        guard let lent, lent.loan == loan else { throw PGError(.notRunning, "the transaction has ended") }
        heedsCancellation = false
        defer { heedsCancellation = true }
        do throws(PGError) {
            try begin(loan)
            let results = try run(statements + [.commit], Frame(inTransaction: true, commits: true))
            self.lent = nil
            return results
        } catch {
            self.lent = nil
            if !broken, PQtransactionStatus(handle) != PQTRANS_IDLE { rollBack() }
            throw error
        }
    }

    /// Ends the loan, with ROLLBACK where something is still open. A connection that cannot even do that is closed, which undoes it too.
    ///
    /// - Returns: whether the connection is fit for the next.
    func takeBack(_ loan: Loan) -> Bool {
        if let lent, lent.loan == loan {
            self.lent = nil
            if lent.hasBegun, !broken { rollBack() }
        }
        if !isClean() { close() }
        return !broken
    }

    /// Closes the connection if the transaction still has it.
    func giveUp(_ loan: Loan) {
        if lent?.loan == loan { close() }
    }

    private func rollBack() {
        heedsCancellation = false
        defer { heedsCancellation = true }
        do throws(PGError) {
            _ = try run([.rollback], Frame(inTransaction: true))
        } catch {
            close()
        }
    }
}

extension Statement {
    fileprivate static let commit = Statement(command: "commit")
    fileprivate static let rollback = Statement(command: "rollback")
}
